"""What can be done with a mailing: buttons, dialogs, and the deeds behind them."""
