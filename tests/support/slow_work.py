"""Work for processes, which import it by its name."""

import time


def squares(tool, tasks):
    """A row for each number."""
    return [{"square": tool * task * task, "reason": ""} for task in tasks]


def slow_squares(tool, tasks):
    """The same in a second."""
    time.sleep(1.0)
    return squares(tool, tasks)


def int_one():
    """Makes the tool."""
    return 1
