"""Workers that send the same mail as Dispatcher, each written as its own documentation teaches."""
