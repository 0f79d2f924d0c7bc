"""The main job, played live: ``stage`` sets it up, ``story`` plays it, ``promises`` judges it."""
