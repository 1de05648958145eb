"""Nodes on several hosts: network namespaces joined by a bridge."""
