"""Where the outside starts the program: settings, wiring, worker and commands."""
