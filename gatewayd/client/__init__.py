"""The reference client: how a program asks a gateway, and what it believes of the answers.

    pins      which keys are the gateway's, by the two fingerprints handed over on its host
    asking    requests, built and signed
    hearing   what is published, verified, and told from what is old

These are pure: time and chance are arguments, and the connection is somebody else's. A program
in another language needs no more than what stands in them and in docs/security/requests.md.
"""
