def partition(bizdate):
    return "ds=" + bizdate
