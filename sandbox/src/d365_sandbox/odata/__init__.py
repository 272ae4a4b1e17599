"""The parts of OData that both systems share: literals, filters, query options, keys and multipart
batches."""
