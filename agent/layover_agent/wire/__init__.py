"""The contract between agents and central: the only part of the agent that central imports.

``types`` are the messages, ``codec`` turns them into msgpack or JSON and back within limits,
``statement`` signs and checks digests, ``identity`` names a key, ``problem`` is how an agent
says no.
"""
