"""Central's face: a JSON API with problem+json errors, news by SSE, and one plain page.

One router per noun; ``guard`` decides who may ask, ``models`` is what may be seen, ``reads``
gathers what a listing needs in few queries.
"""
