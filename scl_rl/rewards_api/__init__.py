"""Reward functions by name: entry points, dotted paths and files; found, loaded, tried and called.

What a reward is stands in :mod:`~scl_rl.rewards_api.protocol`. Our own rewards and a user's come in by the
same door.
"""
