"""The commands, by what a person wants: look, run, connect, check, examine."""
