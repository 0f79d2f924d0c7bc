"""Finds sites, keeps contact with them, and fetches what the plan says.

``lookout`` notices sites, ``contact`` is the life of one contact, ``fetch`` brings one
recording home, ``loop`` takes snapshots, plans and starts and stops spans.
"""
