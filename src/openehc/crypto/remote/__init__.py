"""A crypto module at a distance: the calls on the wire to the front proxy, and who makes them.

Both ends use what stands here; who is let in, and which machine computes, the proxy decides
(`openehc.proxy`).
"""
