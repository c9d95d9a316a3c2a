"""Bytes, messages and conversations, without IO and without a clock."""
