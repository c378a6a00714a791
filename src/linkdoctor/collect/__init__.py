"""The only code that touches the world: engines, processes, sockets and files → Snapshot."""
