"""The stand-in of the Dataverse Web API v9.2 of Dynamics 365 Sales."""
