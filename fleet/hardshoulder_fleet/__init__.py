"""The fleet's side: the driver is asked, help is brought, a person is called when nobody answers."""
