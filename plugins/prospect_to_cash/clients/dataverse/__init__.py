"""The Web API of Dynamics 365 Sales (Dataverse)."""
