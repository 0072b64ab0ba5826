"""The SMTP client of Portal servers, of custom servers and of the portal's own mail.

server.py    where to connect and how, as from a URL
relays.py    the installation's own relays: mail is spread over them, connections kept
session.py   one conversation with one server, for many messages
client.py    smtplib's client with an end to its patience
sign_in.py   signing in, in UTF-8
answers.py   what a reply means, and the lack of one
"""
