from backoffice.tests.fixtures import empty_cache, quick_site

__all__ = ["empty_cache", "quick_site"]
