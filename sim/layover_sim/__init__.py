"""The simulator: real video, real agents, bad links, and the demo that plays them."""
