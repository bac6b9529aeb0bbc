"""Help from outside: what a provider of tows can be asked, and one that is asked over HTTP."""
