"""The fabric: a deterministic event world with a virtual clock.

``world.World`` holds the services and one ``scheduler.Scheduler`` that decides every order;
``tasks`` runs code of the user (functions, polling workers, their threads) one at a time;
``journal`` keeps what happened. Nothing in this room knows boto3, moto or pytest.
"""
