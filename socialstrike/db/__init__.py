"""The database: tables, sessions and migrations. The only floor that speaks SQLAlchemy's engine."""
