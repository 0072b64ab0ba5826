"""Channels that are connected on an OAuth provider's consent page.

allauth speaks with the provider (state, PKCE, the code's exchange, the ID token); what
is stored, and for whom, is decided here. A transport takes part by naming its
`oauth_provider`.
"""
