import mimetypes


def kind_of(key):
    guessed, _ = mimetypes.guess_type(key)
    return (guessed or "other/other").split("/")[0]
