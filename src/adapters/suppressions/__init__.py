"""The list of suppressions in a file that people edit and that is watched."""
