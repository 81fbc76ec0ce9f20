"""What an exploration has found, in words and pictures; nothing here runs a program but `board`."""
