# How a check says no: a sentence instead of a traceback.


class CheckFailed(AssertionError):
    """Says what is not right yet. Notebooks show its words and no traceback."""

    def _render_traceback_(self) -> list[str]:  # what IPython asks an exception for
        return str(self).splitlines()
