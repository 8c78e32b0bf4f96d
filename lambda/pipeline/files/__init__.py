"""The files of documents as bytes: PDFs, images and Office files, and what in them may act."""
