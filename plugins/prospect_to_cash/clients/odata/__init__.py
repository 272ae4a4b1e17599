"""OData v4, shared by both systems: sessions, paging, literals, batches, writes and answers."""
