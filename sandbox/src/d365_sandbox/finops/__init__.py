"""The stand-in of the public data entities (OData) of Finance and Operations."""
