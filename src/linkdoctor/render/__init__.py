"""One module per output: a report, a card or a list of rules in, text out.

Everything that containers, engines and snapshots bring along goes through
:mod:`linkdoctor.render.sanitize` before it is shown.
"""
