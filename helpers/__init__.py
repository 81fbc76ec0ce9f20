"""The course's own package: record work, draw it, and choose how it interleaves.

Import from its modules. This file imports nothing, because every spawned
process pays for what stands here.
"""
