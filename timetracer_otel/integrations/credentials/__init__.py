"""Checks of credentials: passwords against hashes, tokens and cookies against keys.

What is checked is masked in a recording, so in a replay every check would fail, and with it the request.
What a check came to is noted while recording, as the values are that cannot repeat. In a replay a check that
is given a mask comes to the same; one that is given a credential is made.
"""
