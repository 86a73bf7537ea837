"""What a person looks at: a cassette as a tree, a store as a table, a replay as verdicts.

Everything here makes :class:`~timetracer_otel.views.lines.Line`: text with style names, made safe to
print. Who prints it decides on colours and width.
"""
