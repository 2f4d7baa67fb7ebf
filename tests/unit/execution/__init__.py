"""The room that runs packages."""
