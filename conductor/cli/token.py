"""`conductor token`: what clients identify themselves with."""


def show() -> int:
    """Print the API's bearer token.

    Example: curl -H "Authorization: Bearer $(conductor token show)" http://127.0.0.1:8000/api/v1/jobs
    """
    from conductor.cli.screen import Screen
    from conductor.settings import load_settings, read_token

    settings = load_settings()
    token = read_token(settings)
    if token is None:
        Screen.open().warn("no_token", home=settings.home)
        return 1
    print(token)
    return 0
