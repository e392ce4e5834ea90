from backoffice.tests.fixtures import quick_site

__all__ = ["quick_site"]
