"""The node on the network: libp2p's identities and encryption under a bounded swarm of our own."""
