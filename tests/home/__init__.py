"""Home mode under toggles and kills: nothing that was taken after it was entered is kept or told."""
