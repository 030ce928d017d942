from decimal import Decimal


def total(items):
    return sum(Decimal(str(item["price"])) * int(item.get("quantity", 1)) for item in items)
