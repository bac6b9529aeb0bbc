"""The one error a user sees: which file, which place, what is wrong, what to do."""


class UserError(Exception):
    """Bad input. `problems` holds one finished sentence each; commands print them and exit 2."""

    def __init__(self, *problems: str) -> None:
        assert problems, "an error names at least one problem"
        super().__init__("\n".join(problems))
        self.problems = problems
