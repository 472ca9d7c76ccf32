"""What it means to notify a person: pure rules, standard library only."""
