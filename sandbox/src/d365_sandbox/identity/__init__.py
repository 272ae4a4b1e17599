"""The stand-in of Microsoft Entra: registered clients, tokens, discovery, managed identities."""
