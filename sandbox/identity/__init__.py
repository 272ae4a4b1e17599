"""What stands in for Microsoft Entra: registered clients, tokens, discovery, managed identities."""
