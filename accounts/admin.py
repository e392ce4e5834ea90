def account_links(request): return []
