"""What of ours broke, in a form that gives nothing away of what was being handled."""


def named(error: Exception) -> str:
    """Name what broke and where: "RuntimeError in find:12"."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = "?" if trace is None else f"{trace.tb_frame.f_code.co_name}:{trace.tb_lineno}"
    return f"{type(error).__name__} in {where}"
