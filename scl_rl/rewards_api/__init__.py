"""Reward functions by name: entry points, dotted paths and files; found, loaded, tried and called.

A reward of our own and a user's come through the same door.
"""
